// GatewayControl
