using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Gateway.Server.Hosting;

/// <summary>The ports of the front door; their addresses are the real ones once the server listens.</summary>
internal sealed class ServedPorts
{
    public bool IsTls { get; set; }

    public ListenOptions? HttpPort { get; set; }

    public ListenOptions? FramesPort { get; set; }

    /// <summary>Where HTTP clients reach it, such as <c>http://127.0.0.1:8000</c>.</summary>
    public string Http => $"{(IsTls ? "https" : "http")}://{(IPEndPoint)HttpPort!.EndPoint}";

    /// <summary>Where clients of the frame carrier reach it, such as <c>127.0.0.1:8003</c>; null when it is not served.</summary>
    public string? Frames => FramesPort is null ? null : ((IPEndPoint)FramesPort.EndPoint).ToString();
}
