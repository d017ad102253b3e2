"""The classifier in the clothes of other libraries, a module for each."""
