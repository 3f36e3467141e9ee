"""The lab's things as typed rows: attributes that mypy knows, and the only SQL beside the store's.

A record is a row as it was when it was read; what changes it writes to the store, and `again` reads
what is there now. Columns have CloudStack's names.
"""
