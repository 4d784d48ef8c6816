"""What every service is made of, so that a service itself holds only its own rules."""
