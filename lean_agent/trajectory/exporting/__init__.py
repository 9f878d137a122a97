"""Trajectories as examples for training, in the forms that trainers read."""
