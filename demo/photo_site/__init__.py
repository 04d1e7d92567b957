"""A simulated photo site on this machine that answers as Flickr and Wikimedia Commons do."""
