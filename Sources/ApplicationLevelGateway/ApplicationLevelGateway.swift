// ApplicationLevelGateway
