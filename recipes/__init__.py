"""How the files that the package ships are made and scored."""
