"""Pages about the signed-in person, the people of a partner, its settings and its contacts."""
