"""The management-server backend: signed requests to a CloudStack API over HTTP."""
