"""What the plugin takes of cupyx.scipy."""
