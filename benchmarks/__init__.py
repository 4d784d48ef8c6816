"""How fast it is: one runnable module for each benchmark."""
