"""What the gateway knows about itself, declared as a subsystem declares it: metrics, conditions and a summary."""
