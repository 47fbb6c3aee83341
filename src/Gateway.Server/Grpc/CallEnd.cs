namespace Gateway.Server.Grpc;

/// <summary>Why a call is not read any more.</summary>
internal enum CallEnd
{
    None,

    /// <summary>The time that its client gave it is over.</summary>
    TimeOver,

    /// <summary>Its message comes too slowly.</summary>
    TooSlow,
}
