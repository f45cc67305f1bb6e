"""What a flag means, what it can't tell, how often it is wrong, how to appeal: for staff and public alike."""
