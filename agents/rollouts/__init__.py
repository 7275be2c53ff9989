"""From environments and policies to episodes, and what is measured of them."""
