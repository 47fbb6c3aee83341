namespace Gateway.TestSupport.MessagePack;

/// <summary>A value of an application's own type.</summary>
public sealed record MessageExtension(sbyte Type, byte[] Data);
