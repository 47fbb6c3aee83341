using System.Buffers;
using Gateway.Core.Memory;
using Gateway.Server.Calls;

namespace Gateway.Server.Grpc.Http2;

/// <summary>One stream of a connection, with its call; used again for the next.</summary>
/// <remarks>
/// <b>Threading</b>: its members say whose they are: the connection's one reader, its one sender at a time, or the call, which is one thread at a time. The stream is the
/// reader's again when the sender has handed it back: the call is over by then, and what it answered is sent or dropped.
/// </remarks>
#pragma warning disable CA1001 // Its token source has no handles, and lives as long as calls look at it.
internal sealed class Http2Stream : IThreadPoolWorkItem, ILinked<Http2Stream>
#pragma warning restore CA1001
{
    private const int NotPosted = 0;
    private const int Posted = 1;
    private const int Finished = 2;
    private const int NoReset = -1;

    private readonly Lock _gate = new();
    private readonly MemoryPool<byte> _memory;
    private int _posted = Finished;
    private long _sendWindow;
    private int _receiveWindow;
    private int _notGivenBack;
    private long _reset = NoReset;
    private volatile bool _isGone;
    private volatile bool _isStarted;
    private volatile bool _isAnswered;
    private volatile bool _isServed;
    private volatile bool _isRemoteClosed;
    private volatile bool _isCut;
    private CancellationTokenSource? _aborted;
    private bool _isAborted;
    private ServedMethod? _method;

    public Http2Stream(Http2Connection connection, MemoryPool<byte> memory)
    {
        Connection = connection;
        _memory = memory;
        Call = connection.MakeCall(this);
    }

    public Http2Connection Connection { get; }

    public GrpcCall Call { get; }

    public int Id { get; private set; }

    /// <summary>What the client said at the start.</summary>
    public RequestFields Fields { get; private set; } = null!;

    /// <summary>Memory for them, where they are not those of other calls too.</summary>
    public RequestFields OwnFields { get; } = new();

    /// <summary>Body of a call that reads it itself; the reader's to write, once made.</summary>
    public StreamInput? Input { get; private set; }

    /// <summary>Answer of a call that writes it itself.</summary>
    public StreamOutput? Output { get; private set; }

    /// <summary>The head, and the end, of an answer whose fields are not the usual ones.</summary>
    public FieldBlock HeadBlock { get; } = new();

    public FieldBlock TailBlock { get; } = new();

    /// <summary>Whether the client has said all; the reader's to set.</summary>
    public bool IsRemoteClosed
    {
        get => _isRemoteClosed;
        set => _isRemoteClosed = value;
    }

    /// <summary>Bytes of the body that are still to come; -1 where nothing was said. The reader's.</summary>
    public long BodyLeft { get; set; }

    /// <summary>Whether a method reads the body itself; the reader's.</summary>
    public bool IsServing => _method is not null;

    /// <summary>Whether the call has been told that nobody waits for it; the reader's.</summary>
    public bool IsAborted => _isAborted;

    /// <summary>Whether the client takes nothing of it any more.</summary>
    public bool IsGone => _isGone;

    /// <summary>Whether its head may be sent.</summary>
    public bool IsStarted => _isStarted;

    /// <summary>Whether a direct call is answered, and its answer to be written by the sender.</summary>
    public bool IsAnswered => _isAnswered;

    /// <summary>Whether the call is over.</summary>
    public bool IsServed => _isServed;

    /// <summary>Whether what is not sent when the call is over is not sent any more, but for its end.</summary>
    public bool IsCut => _isCut;

    /// <summary>Why the server gives it up; below 0 where it does not.</summary>
    public long ResetCode => Interlocked.Read(ref _reset);

    public bool IsHeadUsual { get; private set; }

    public bool IsTailUsual { get; private set; }

    /// <summary>Whether head and end are one, there being nothing between them.</summary>
    public bool IsTailOnly { get; private set; }

    // The sender's.
    public bool IsHeadSent { get; set; }

    public bool IsEndSent { get; set; }

    /// <summary>A message that could not leave yet, and how much of it is sent.</summary>
    public MemoryBlock? Aside { get; set; }

    public int AsideBytes { get; set; }

    public int AsideSent { get; set; }

    /// <summary>Links streams that were posted, or have finished.</summary>
    public Http2Stream? Next { get; set; }

    /// <summary>Link those that wait to send.</summary>
    public Http2Stream? NextWaiting { get; set; }

    public Http2Stream? PreviousWaiting { get; set; }

    /// <summary>Where it waits; null while it does not.</summary>
    public WaitingStreams? WaitsIn { get; set; }

    public long SendWindow => Volatile.Read(ref _sendWindow);

    /// <summary>Fires when the client gives the call up, or is gone.</summary>
    public CancellationToken Aborted
    {
        get
        {
            lock (_gate)
            {
                if (_aborted is null)
                {
                    _aborted = new CancellationTokenSource();
                    if (_isAborted) _aborted.Cancel();
                }

                return _aborted.Token;
            }
        }
    }

    /// <summary>The reader's: begins a call.</summary>
    public void Open(int id, RequestFields fields, bool isWhole, int sendWindow, int receiveWindow)
    {
        Id = id;
        Fields = fields;
        BodyLeft = fields.BodyBytes;
        _sendWindow = sendWindow;
        _receiveWindow = receiveWindow;
        _notGivenBack = 0;
        _reset = NoReset;
        _isGone = _isStarted = _isAnswered = _isServed = _isAborted = _isCut = false;
        _isRemoteClosed = isWhole;
        IsHeadUsual = IsTailUsual = IsTailOnly = IsHeadSent = IsEndSent = false;
        Volatile.Write(ref _posted, NotPosted);
    }

    /// <summary>The reader's: makes it ready for the next call.</summary>
    /// <returns>Bytes that were never read.</returns>
    public long Renew()
    {
        long left = Input?.Left ?? 0;
        _reset = NoReset;
        Input?.Renew();
        Output?.Renew();
        Call.Renew();
        if (_isAborted || _aborted?.TryReset() == false) _aborted = null;
        Fields = null!;
        _method = null;
        return left;
    }

    /// <summary>The reader's: has a call served that reads its body and writes its answer itself, elsewhere.</summary>
    public void Serve(ServedMethod method)
    {
        _method = method;
        Input ??= new StreamInput(this, _memory);
        Output ??= new StreamOutput(this, _memory);
        if (_isRemoteClosed) Input.End(null);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Has a call that was direct until now write its answer itself.</summary>
    public void UseOutput() => Output ??= new StreamOutput(this, _memory);

    void IThreadPoolWorkItem.Execute() => _ = ServeAsync(_method!.ServeAsync(Call));

    /// <summary>Ends the call when whatever serves it has come to its end.</summary>
    public async Task ServeAsync(Task serving)
    {
        try
        {
            await serving.ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Methods see to their own errors; whatever is left must not keep the stream open.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Connection.OnFailed(Call, error);
        }

        EndServing();
    }

    /// <summary>A direct call is answered, and is the sender's.</summary>
    public void EndAnswering()
    {
        _isAnswered = true;
        Post();
    }

    /// <summary>The call's: its head may be sent from now on.</summary>
    public void Start()
    {
        if (_isStarted) return;
        EncodeHead(withTail: false);
        _isStarted = true;
    }

    /// <summary>The call's: what is not sent when it is over need not be.</summary>
    public void Cut() => _isCut = true;

    /// <summary>The call is over: nothing of it is changed any more, and what is left of its answer may be sent.</summary>
    public void EndServing()
    {
        EndAnswer();
        Post();
    }

    /// <summary>Likewise, for the sender, which looks at it already.</summary>
    public void EndAnswer()
    {
        if (!_isStarted && !Call.HasMessages)
        {
            IsTailOnly = true;
            EncodeHead(withTail: true);
        }
        else
        {
            if (!_isStarted) EncodeHead(withTail: false);
            TailBlock.Clear();
            IsTailUsual = Call.TryWriteTail(TailBlock);
        }

        Output?.Complete();
        _isServed = true;
    }

    /// <summary>Has the sender look at it.</summary>
    public void Post()
    {
        if (Interlocked.CompareExchange(ref _posted, Posted, NotPosted) == NotPosted) Connection.Sender.Post(this);
    }

    /// <summary>The sender's: it looks at it now, and is to be told of what comes from now on.</summary>
    public void Unpost() => Interlocked.Exchange(ref _posted, NotPosted);

    /// <summary>The sender's: it is the reader's now.</summary>
    /// <returns>False when the sender has yet to look at it once more.</returns>
    public bool TryFinish() => Interlocked.CompareExchange(ref _posted, Finished, NotPosted) == NotPosted;

    /// <summary>Anybody's: gives the call up without an answer.</summary>
    public void Reset(uint code)
    {
        if (Interlocked.CompareExchange(ref _reset, code, NoReset) != NoReset) return;
        Connection.Attend(this);
        Post();
    }

    /// <summary>The reader's: the client gives the call up, or is gone, or the server has reset it.</summary>
    /// <param name="isGone">Whether the client need not be told.</param>
    public void Abort(bool isGone, Exception reason)
    {
        if (isGone) _isGone = _isRemoteClosed = true;
        if (!_isAborted)
        {
            CancellationTokenSource? aborted;
            lock (_gate)
            {
                _isAborted = true;
                aborted = _aborted;
            }

            Input?.End(reason);
            Call.Abort();
            if (aborted is not null) ThreadPool.UnsafeQueueUserWorkItem(static source => source.Cancel(), aborted, preferLocal: false);
        }

        Post();
    }

    /// <summary>The reader's, and then the sender's: what may be sent changes.</summary>
    /// <returns>What may be sent from now on.</returns>
    public long AddSendWindow(long bytes) => Interlocked.Add(ref _sendWindow, bytes);

    /// <summary>The reader's: so much has come, padding included.</summary>
    /// <returns>False when it is more than was allowed.</returns>
    public bool TryReceive(int bytes) => Interlocked.Add(ref _receiveWindow, -bytes) >= 0;

    /// <summary>So much of what has come is taken, and may come anew.</summary>
    public void GiveBack(int bytes)
    {
        Connection.GiveBack(bytes);
        if (_isRemoteClosed || Interlocked.Add(ref _notGivenBack, bytes) < Http2Connection.StreamWindow / 2) return;
        int given = Interlocked.Exchange(ref _notGivenBack, 0);
        if (given == 0) return;
        Interlocked.Add(ref _receiveWindow, given);
        Connection.Sender.GiveBack(Id, given);
    }

    /// <summary>Takes room for a direct call's message, while it is answered: see <see cref="Http2Sender.Room"/>.</summary>
    public Span<byte> Room(long bytes) => Connection.Sender.Room(this, bytes);

    private void EncodeHead(bool withTail)
    {
        HeadBlock.Clear();
        IsHeadUsual = Call.TryWriteHead(HeadBlock, withTail);
    }
}
