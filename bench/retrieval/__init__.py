"""What the schedule, the ladder and prefetching gain: see docs/scheduling.md."""
