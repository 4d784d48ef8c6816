"""From the marts to the champion: training, evaluation and the gate."""
