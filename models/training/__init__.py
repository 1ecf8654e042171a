"""How the recipes of this package are cooked: the command line, the loop, runs and their files."""
