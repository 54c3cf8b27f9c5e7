"""Parts of pages, each a function that draws into the page; for pages that would be too long as one script."""
