using System.Globalization;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Tenants;
using Gateway.Server.Overflow;
using Gateway.Server.Overflow.Forwarding;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Frames;

/// <summary>Has inferences over frames that this gateway cannot answer in time answered by replicas: there the same message goes over HTTP.</summary>
/// <remarks><b>Behaviour</b>: what cannot be late here passes by untouched. <b>Threading</b>: any.</remarks>
internal sealed class FrameOverflow(Replicas replicas, OverflowDispatch dispatch, ModelCatalog catalog, BlockPool pool, OverflowSettings settings)
{
    public const string ContentType = "application/msgpack";

    public OverflowDispatch Dispatch => dispatch;

    public ModelCatalog Catalog => catalog;

    public BlockPool Pool => pool;

    /// <summary>Whether a model that is not served here is by a replica.</summary>
    public bool Knows(string model, long version) => !replicas.Fleet.Watched.IsEmpty && dispatch.IsServedElsewhere(new ModelKey(model, version));

    /// <summary>Keeps the message of a call that may be answered elsewhere.</summary>
    /// <param name="name">The model's.</param>
    /// <param name="model">Who serves it here; null for nobody.</param>
    /// <param name="timeoutMicroseconds">The time that it has from its arrival; 0 where it says none.</param>
    /// <param name="waited">Ticks of the engine's clock since then.</param>
    /// <param name="use">What it says of the cache.</param>
    /// <param name="body">The call's map.</param>
    /// <param name="token">What the client showed in its hello; null for nothing.</param>
    /// <returns>Null when it is to be served here, or there is no memory for it.</returns>
    public FrameRelay? TryKeep(FrameCall call, string name, ServedModel? model, long version, long timeoutMicroseconds, long waited, CacheUse use, ReadOnlySpan<byte> body, Tenant? tenant, string? token)
    {
        if (replicas.Fleet.Watched.IsEmpty) return null;
        long passed = settings.Microseconds(waited);
        if (model is not null && !dispatch.MayLeave(model, timeoutMicroseconds == 0 ? 0 : Math.Max(1, timeoutMicroseconds - passed), use)) return null;
        OverflowQuestion question = dispatch.Ask(model, timeoutMicroseconds, passed);
        if (model is not null && OverflowPolicy.StaysHere(question) && !dispatch.HasRing(model)) return null;
        if (!pool.TryRent(body.Length, BlockOwner.Body, out MemoryBlock? block)) return null;
        body.CopyTo(block.Span);
        call.Charge(block.Capacity);
        OverflowRun run = dispatch.Begin(new ModelKey(name, version), question, passed, model, use, isForGateways: true);
        IHeaderDictionary headers = new HeaderDictionary { ["Content-Type"] = ContentType };
        if (token is not null) headers.Authorization = $"Bearer {token}";
        if (tenant is not null) headers[CallerTenants.HeaderName] = tenant.Name;
        string target = string.Create(CultureInfo.InvariantCulture, $"/v2/models/{Uri.EscapeDataString(name)}{(version > 0 ? $"/versions/{version}" : "")}/infer");
        return new FrameRelay(this, call, run, block, new ForwardedCall(HttpMethods.Post, target, headers, new BlockMemory(block, body.Length).Memory, IsGrpc: false));
    }
}
