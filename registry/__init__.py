"""Who the tenants are and where they live: the tenants' database and discovery."""
