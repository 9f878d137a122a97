"""The suites that ship with the package, one a package or file."""
