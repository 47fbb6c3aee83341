namespace Gateway.Server.Proxy.Configuration;

/// <summary>What the bodies of a route speak that a model answers.</summary>
internal enum RouteProtocol
{
    /// <summary>The Open Inference Protocol: JSON, or JSON with binary tensors.</summary>
    Oip,

    /// <summary>The maps of src/Gateway.Protocol/Frames/README.md.</summary>
    MsgPack,

    /// <summary>The predict calls of TensorFlow Serving's REST.</summary>
    TensorFlow,
}
