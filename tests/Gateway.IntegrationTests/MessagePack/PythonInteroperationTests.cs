namespace Gateway.IntegrationTests.MessagePack;

public sealed class PythonInteroperationTests() : InteroperationContract(new Oracle("/usr/bin/python3", "messagepack.py"))
{
    protected override bool HasWholeFloats => true;
}
