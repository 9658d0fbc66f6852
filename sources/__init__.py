"""Sources of facts other than files that people upload: connections to vendors."""
