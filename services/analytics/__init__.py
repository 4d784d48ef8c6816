"""What shoppers do: collects actions, keeps each user's history, and tells what is popular."""
