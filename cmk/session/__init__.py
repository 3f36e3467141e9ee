"""One profile's backend, asked line by line; it knows no lab and no cloud."""
