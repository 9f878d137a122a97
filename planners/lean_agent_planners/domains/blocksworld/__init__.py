"""BlocksWorld with four operators, as PDDL."""
