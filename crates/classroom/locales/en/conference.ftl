# What the pages of servers, meetings, tenants and secrets say.
