using System.Text;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Server.Hosting;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Frames;

/// <content>What each kind of message does.</content>
internal sealed partial class FrameConnection
{
    /// <summary>Handles one message.</summary>
    /// <param name="block">Holds the message, if it was gathered.</param>
    /// <param name="isLast">Whether nothing that has arrived follows it.</param>
    /// <returns>False when there is no room for it in the window.</returns>
    private bool TryHandle(ReadOnlySpan<byte> message, MemoryBlock? block, int start, bool isLast)
    {
        MessagePackReader reader = new(message);
        bool isReadable = MessageHead.TryRead(ref reader, out MessageHead head);
        if (!_hasHello)
        {
            if (head.Kind != MessageKind.Hello) throw Malformed.Invalid("the first message must be a hello");
            Greet(ref reader);
        }

        if (head.Kind == MessageKind.Cancel)
        {
            Cancel(head.Call);
            return true;
        }

        if (TryOpen(head.Call) is not { } call) return false;
        try
        {
            if (!isReadable) throw Malformed.At(reader, "the message, which must be [kind, call, body],");
            Dispatch(call, head.Kind, ref reader, message, block, start, isLast);
        }
        catch (InferenceException error)
        {
            Answer(call, MessageKind.Error, Messages.Error(error.Status, error.Message, error.RetryAfter, error.Refusal));
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Log.Failed(_logger, _connection.ConnectionId, error);
            Answer(call, MessageKind.Error, Messages.Error(StatusCode.Internal, "internal error"));
        }

        return true;
    }

    private void Dispatch(FrameCall call, MessageKind kind, ref MessagePackReader reader, ReadOnlySpan<byte> message, MemoryBlock? block, int start, bool isLast)
    {
        switch (kind)
        {
            case MessageKind.Infer:
                Infer(call, ref reader, message, block, start, isLast);
                break;
            case MessageKind.Hello:
                Answer(call, kind, Messages.Hello(_options.ServerName, _options.ServerVersion, Window.Most, _options.MaxFrameBytes));
                break;
            case MessageKind.Metadata:
                Answer(call, kind, Metadata(ModelMessage.Read(ref reader), message));
                break;
            case MessageKind.Ready:
                Answer(call, kind, Messages.Ready(IsReady(ModelMessage.Read(ref reader), message)));
                break;
            case MessageKind.Ping:
                Answer(call, kind, Messages.Nil());
                break;
            default:
                throw new InferenceException(StatusCode.Unsupported, "this server has no such kind of message");
        }
    }

    private byte[] Metadata(in ModelMessage asked, ReadOnlySpan<byte> message)
    {
        if (asked.Name is not { } name) return Messages.ServerMetadata(_options.ServerName, _options.ServerVersion, ["schedule_policy", "parameters"]);
        ServedModel model = _catalog.Find(name.Of(message), asked.Version);
        return Messages.ModelMetadata(model, asked.Version > 0 ? [model] : _catalog.ReadyVersions(model.Name));
    }

    private bool IsReady(in ModelMessage asked, ReadOnlySpan<byte> message)
    {
        if (asked.Name is not { } name) return _health.IsReady;
        try
        {
            return _catalog.Find(name.Of(message), asked.Version).IsReady;
        }
        catch (InferenceException)
        {
            // An unknown model is not ready either: clients ask while they wait for one to appear.
            return false;
        }
    }

    /// <exception cref="InferenceException">The connection is not to go on.</exception>
    private void Greet(ref MessagePackReader reader)
    {
        MessagePackReader body = reader;
        HelloMessage hello = HelloMessage.Read(ref body);
        if (hello.Version < Frame.Version) throw new InferenceException(StatusCode.Unsupported, $"version {hello.Version} of the protocol is not spoken here; {Frame.Version} is");
        bool isAccessToken = _options.AccessToken is { } token && AccessToken.IsRight(Encoding.UTF8.GetBytes(token), hello.Token);
        Tenant? byKey = isAccessToken ? null : _tenants.ByKey(hello.Token);
        if (_options.AccessToken is not null && !isAccessToken && byKey is null)
        {
            throw new InferenceException(StatusCode.Unauthenticated, AccessToken.Problem(isGiven: !hello.Token.IsEmpty));
        }

        _hasKey = byKey is not null;
        if (_overflow is not null && !hello.Token.IsEmpty) _token = Encoding.UTF8.GetString(hello.Token);
        _greetedTenant = byKey ?? (hello.HasTenant ? _tenants.ByName(hello.Tenant) : null);
        if (hello.Window > 0) Window.Most = (int)Math.Min((ulong)_options.Window, hello.Window);
        _hasHello = true;
    }
}
