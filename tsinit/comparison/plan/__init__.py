"""What a comparison will run: arguments checked, everything named, a task for each run."""
