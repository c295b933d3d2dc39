"""What the gateway may ask of the machine: commands, files, or a recording of both."""
