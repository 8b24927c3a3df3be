"""What has been done: submissions, attempts, and where each task stands."""
