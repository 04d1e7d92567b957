"""One spider a source: `flickr`, `wikimedia`, `folder`."""
