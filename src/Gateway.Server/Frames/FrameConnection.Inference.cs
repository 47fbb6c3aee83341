using System.Text;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Frames;

/// <content>Requests for an inference.</content>
internal sealed partial class FrameConnection
{
    /// <summary>Lets a call in, or answers why not.</summary>
    private bool TryEnter(FrameCall call, ReadOnlySpan<byte> message, out Tenant? tenant)
    {
        if (!_hasTenant)
        {
            _tenant = (_hasKey || _infer.Tenant is not { } tenantName ? null : _tenants.ByName(tenantName.Of(message))) ?? _greetedTenant ?? _tenants.Unnamed();
            _hasTenant = true;
        }

        tenant = _tenant;
        if (tenant is null) return true;
        bool hasEntered = _tenants.TryEnter(ref tenant, out TenantRefusal over);
        _tenant = tenant;

        // Who has found no place so far may find one.
        _hasTenant = tenant.Name != TenantDirectory.OthersName;
        if (hasEntered) return true;
        Answer(call, MessageKind.Error, Messages.Error(StatusCode.ResourceExhausted, over.Text, over.RetryAfter, over.Reason.WireName()));
        return false;
    }

    /// <returns>The name of a model that only replicas serve; null for all others.</returns>
    private string? ElsewhereName(ReadOnlySpan<byte> utf8Name, long version)
    {
        const int MostStackChars = 256;
        Span<char> chars = stackalloc char[MostStackChars];
        if (utf8Name.Length <= MostStackChars && _catalog.TryFind(chars[..Encoding.UTF8.GetChars(utf8Name, chars)], version, out _)) return null;
        string name = Encoding.UTF8.GetString(utf8Name);
        return !_catalog.TryFind(name, version, out _) && _overflow!.Knows(name, version) ? name : null;
    }

    /// <summary>Sends a call to replicas whose model is not served here.</summary>
    private void SendElsewhere(FrameCall call, string model, ReadOnlySpan<byte> body, ReadOnlySpan<byte> message)
    {
        if (!TryEnter(call, message, out Tenant? tenant)) return;
        long waited = Math.Max(0, _time.GetTimestamp() - _frameCame);
        call.Relay = _overflow!.TryKeep(call, model, null, _infer.Version(message), _infer.TimeoutMicroseconds, waited, _infer.CacheUse, body, tenant, _token);
        if (call.Relay?.Leaves(tenant) == true) return;
        tenant?.Leave();
        throw InferMessage.NoMemory();
    }

    private void Infer(FrameCall call, ref MessagePackReader reader, ReadOnlySpan<byte> message, MemoryBlock? block, int start, bool isLast)
    {
        ReadOnlySpan<byte> body = message[reader.Position..];
        bool isNew = _infer.Read(ref reader, message);
        if (isNew) _hasTenant = false;
        object snapshot = _catalog.Snapshot;
        if (isNew || !ReferenceEquals(snapshot, _modelSnapshot))
        {
            _modelSnapshot = null;
            if (_infer.ModelName is not { } name) throw Malformed.Invalid("the request has no 'model_name'");
            string? elsewhere = _overflow is null ? null : ElsewhereName(name.Of(message), _infer.Version(message));
            _model = elsewhere is null ? _catalog.Find(name.Of(message), _infer.Version(message)) : null;
            if (elsewhere is not null)
            {
                SendElsewhere(call, elsewhere, body, message);
                return;
            }

            _modelSnapshot = snapshot;
        }

        ServedModel model = _model!;
        if (!TryEnter(call, message, out Tenant? tenant)) return;

        // The client counts from the frame's first byte.
        long now = _time.GetTimestamp();
        long waited = Math.Max(0, now - _frameCame);
        if (_overflow is not null)
        {
            call.Relay = _overflow.TryKeep(call, model.Name, model, _infer.Version(message), _infer.TimeoutMicroseconds, waited, _infer.CacheUse, body, tenant, _token);
            if (call.Relay?.Leaves(tenant) == true) return;
        }

        if (model.TurnsAway(_infer.TimeoutMicroseconds, out EarlyRefusal refusal, tenant, _infer.CacheUse, waited, _infer.Priority))
        {
            if (call.Relay is { } relay)
            {
                relay.Refused(refusal, tenant);
                return;
            }

            tenant?.LeaveRefused(refusal.Reason);
            call.Refusal = refusal;
            _sender.Post(call);
            return;
        }

        if (model.TryRentRequest(out InferenceRequest? request))
        {
            request.AdmitAs(tenant);
            _catalog.Tracer.Begin(request);
        }
        else
        {
            // Replaced since it was looked up.
            _modelSnapshot = null;
            request = _catalog.RentRequest(model, _infer.Version(message), tenant);
        }

        bool hasFlown = false;
        try
        {
            request.Waited = waited;
            request.Times.Unread = waited;
            _infer.Fill(request, message, call.WantedOutputs);
            if (block is null)
            {
                InferMessage.CopyTensors(request, message, _pool);
            }
            else
            {
                block.AddReference();
                InferMessage.AdoptTensors(request, block, start);
                request.CopiedBytes += message.Length;
            }

            Window.Charge(call, request.Block?.Capacity ?? 0);
            request.MayBeKeptElsewhere = call.Relay is { LooksHereFirst: true };
            call.Request = request;
            call.BeginFlight();
            hasFlown = true;

            // Who has long been at what one read brought lets others run what it brings.
            bool hasTime = now - _arrivals.ReadAt < _longestTake;
            request.Model.Infer(request, call, !hasTime ? RunsHere.None : isLast ? RunsHere.Any : RunsHere.FullBatches);
        }
#pragma warning disable CA1031 // The call has its answer; what went wrong after it is for the log alone.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (call.Drop(request, hasFlown)) throw;
            Log.Failed(_logger, _connection.ConnectionId, error);
        }
    }
}
