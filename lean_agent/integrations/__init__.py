"""Other frameworks' parts as parts of an agent, one module a framework."""
