using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.MessagePack;

/// <summary>What one call over HTTP needs besides its <see cref="InferenceRequest"/>; used again for the next.</summary>
internal sealed class MessagePackCall(BlockPool pool)
{
    public HttpContext Context { get; set; } = null!;

    public InferenceRequest? Request { get; set; }

    /// <summary>Time that a header gives the request, from the arrival of its head, in microseconds; 0 for none.</summary>
    public long TimeoutMicroseconds { get; set; }

    /// <summary>When its head was there; a timestamp of the engine's clock, where it matters.</summary>
    public long Arrival { get; set; }

    public InferMessage Message { get; } = new();

    public MessageBlock Gathered { get; } = new(pool);

    /// <summary>Which outputs are wanted; none stands for all.</summary>
    public List<int> WantedOutputs { get; } = [];

    public void Clear()
    {
        Request?.Dispose();
        Request = null;
        Gathered.Clear();
        WantedOutputs.Clear();
        Context = null!;
    }
}
