using Gateway.Core.Memory;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>What came back from a replica.</summary>
/// <remarks><b>Ownership</b>: disposing gives the memory of the body back.</remarks>
internal sealed class ForwardedAnswer(BlockPool pool) : IDisposable
{
    public ForwardedKind Kind { get; set; }

    /// <summary>Why there is no answer, for the log; empty where there is one.</summary>
    public string Problem { get; set; } = "";

    public int Status { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

    public IHeaderDictionary Trailers { get; } = new HeaderDictionary();

    public TextBuffer Body { get; } = new(pool);

    /// <summary>What the replica says of its queue; null where it says nothing.</summary>
    public LoadReport? Load { get; set; }

    /// <summary>Whether it is a result, and neither an error nor none at all.</summary>
    public bool IsResult(bool isGrpc) => Kind == ForwardedKind.Answered && (isGrpc ? Body.Length > 0 : Status < StatusCodes.Status400BadRequest);

    public void Dispose() => Body.Clear();
}
