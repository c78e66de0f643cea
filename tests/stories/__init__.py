"""Stories of people whose call was refused: each sets up its world on the practice platform, over HTTP, and ends on the right remedy and person."""
