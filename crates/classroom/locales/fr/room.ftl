# What the pages of rooms say.
