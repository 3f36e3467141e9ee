"""What is known of images without touching one: formats, checksums, metalinks."""
