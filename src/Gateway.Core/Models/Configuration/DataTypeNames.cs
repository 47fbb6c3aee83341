using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration;

/// <summary>The names configurations have for element types, which differ from those on the wire.</summary>
internal static class DataTypeNames
{
    /// <summary>Such as <c>TYPE_FP32</c>, or <c>TYPE_STRING</c> for what the wire calls BYTES.</summary>
    public static string ConfigName(this DataType type) => type == DataType.Bytes ? "TYPE_STRING" : $"TYPE_{type.WireName()}";
}
