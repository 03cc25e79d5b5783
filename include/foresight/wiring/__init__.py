"""Settings and connections become the objects that services work on."""
