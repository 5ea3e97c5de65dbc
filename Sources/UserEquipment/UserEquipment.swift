// UserEquipment
