"""What each subsystem is asked, and the samples that its answers make."""
