# What the pages of recordings say.
