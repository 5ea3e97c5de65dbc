// AccessGateway
