"""A make-believe photo site on this machine, answering as Flickr and Wikimedia Commons do."""
