"""The machine as the gateway uses it: tools, files and directories, or a recording of them."""
