"""The config file, the settings in it, and the secrets."""
