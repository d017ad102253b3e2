"""Parts of the site's build that no extension offers."""
